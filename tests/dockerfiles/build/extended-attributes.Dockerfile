FROM scratch
COPY attributes /attributes
