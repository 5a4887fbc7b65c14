FROM localhost:5000/a/b:1.0 AS a
FROM [::1]:5000/x
COPY --from=registry.example.com:443/x/y@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef / /
