FROM scratch AS files
COPY a.txt /a.txt
FROM scratch
COPY --from=files /b.txt /
