FROM scratch
COPY --exclude=*.md dir /a
COPY --exclude=**/*.md dir /b
COPY --exclude=*.txt --exclude=sub . /c
COPY --exclude=dir/sub . /d
COPY --exclude=*.md *.txt *.md /e/
