FROM scratch
COPY --parents dir/./sub/three.txt /out/
COPY --parents ./dir/sub/./deep/four.md /out2/
