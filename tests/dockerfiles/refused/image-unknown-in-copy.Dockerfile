FROM scratch
COPY --from=localhost:5000/no/such /a /
