RUN a
FROM alpine
