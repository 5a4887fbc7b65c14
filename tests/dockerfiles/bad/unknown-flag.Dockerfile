FROM alpine
COPY --form=a b c
RUN --mont=type=cache,target=/x a
WORKDIR --x /a
