FROM scratch
COPY --parents dir/sub/three.txt dir/one.txt /out/
COPY --parents ./dir/sub/deep /out2/
COPY --parents a.txt /out3
