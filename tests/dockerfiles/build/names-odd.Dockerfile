FROM scratch
COPY ["with space.txt", "/a b/c d.txt"]
COPY ünïcode.txt /ü/ñ
COPY [".hidden", "/h/"]
