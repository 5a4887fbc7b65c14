FROM scratch
ARG MODE=640
COPY --chmod=$MODE a.txt /a
COPY --chmod=${MODE%0}4 a.txt /b
