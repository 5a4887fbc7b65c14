FROM scratch
COPY special /special
