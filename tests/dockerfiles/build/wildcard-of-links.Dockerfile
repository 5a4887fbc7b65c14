FROM scratch AS files
COPY links /links
COPY dir /dir
FROM scratch
COPY --from=files /links/d*/one.txt /a/
COPY links/d*/*.txt /b/
