FROM alpine
ONBUILD WORKDIR /x
ONBUILD    CMD ["a"]
ONBUILD COPY --from=other a b
