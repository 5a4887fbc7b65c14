FROM --platform=linux/arm/v7/x alpine
FROM --platform=nonsense alpine
ARG A
FROM --platform=$B alpine
