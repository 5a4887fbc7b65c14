# ignore: *
# ignore: !dir
# ignore: dir/sub
# ignore: !dir/sub/deep/four.md
# ignore: !*.sh
FROM scratch
COPY . /
