FROM Alpine:3
FROM alpine:
FROM alpine@sha256:1234
FROM registry.example.com:port/x
