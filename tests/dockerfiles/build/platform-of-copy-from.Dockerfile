# platform: linux/arm64
FROM scratch
COPY --from=localhost:5000/multi:1 /arch /arch
