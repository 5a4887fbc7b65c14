# ignore: **/*.txt
# ignore: !a.txt
# ignore: dir/**/deep
# ignore: ./links/
# ignore: /sticky
# ignore: hard/../closed
# ignore: [a-c]*.txt
FROM scratch
COPY . /
