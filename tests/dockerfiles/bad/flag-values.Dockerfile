FROM alpine
COPY --chown a b
COPY --link=yes a b
COPY --chmod=999 a b
COPY --from=a --from=b c d
ADD --checksum=sha256:0 a b
