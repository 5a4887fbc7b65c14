# ignore: dir/*
# ignore: !dir/one.txt
FROM scratch
COPY dir /dir
COPY d* /wild/
