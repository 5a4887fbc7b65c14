# ignore: *.md
# ignore: node_modules
# ignore: # a comment
# ignore: 
# ignore: /big.bin
FROM scratch
COPY . /
