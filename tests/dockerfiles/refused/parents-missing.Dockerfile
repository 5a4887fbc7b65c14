FROM scratch
COPY --parents dir/nothing/one.txt /out/
