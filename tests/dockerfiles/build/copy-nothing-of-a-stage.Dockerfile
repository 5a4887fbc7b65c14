FROM scratch AS nothing
FROM scratch
COPY --from=nothing / /all/
COPY --from=nothing . /more
