FROM scratch
COPY empty /a
COPY empty empty/ /b/
COPY empty/. /c
COPY --chown=4:4 empty /d/e/f
COPY --chmod=700 empty /g
COPY --chown=5:5 --chmod=711 empty /d/e
