FROM scratch
ADD a.txt b.txt /dir/
ADD dir /dir
ADD --chown=3:4 --chmod=640 run.sh /run
ADD *.md /md/
ADD --exclude=*.md dir /no-md
