FROM scratch AS parent
ONBUILD WORKDIR /on
ONBUILD COPY --chown=3 a.txt .
ONBUILD ENV ON=yes
FROM parent
COPY b.txt .
LABEL on=$ON
