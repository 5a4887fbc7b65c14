FROM scratch
COPY --parents dir/*/*.txt dir/*.md /out/
COPY --parents **/*.md /deep/
COPY --parents ./dir/./**/*.txt /pivot/
