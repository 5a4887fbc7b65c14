FROM scratch
COPY --exclude=[a dir /
