FROM alpine
COPY a b /c/
COPY ["a b", "c", "/d/"]
COPY . .
COPY --chown=1000:1000 --chmod=0644 a /a
COPY --chown=app:app --chmod=u=rwX,go=rX a /b
COPY --link --chown=5 a /c
COPY --link=false --chown=app a /d
COPY --parents a/./b/*.c /e
COPY --exclude=*.md --exclude=**/x --parents=TRUE . /f
COPY --from=busybox:1.36 /bin/busybox /bb
COPY --from=scratch / /
COPY *.txt a?b [ab] /g/
