FROM scratch AS files
WORKDIR /w
COPY . /w
FROM scratch
COPY --from=files /w/*.txt /txt/
COPY --from=files w/d*/s* /sub/
COPY --from=files --exclude=**/*.txt /w/dir /no-txt
COPY --from=files --parents /w/./dir/sub/*.txt /parents/
