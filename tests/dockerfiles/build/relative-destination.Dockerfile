FROM scratch
WORKDIR /srv/app
COPY a.txt .
COPY b.txt ./sub/
COPY dir sub/dir
COPY run.sh ../bin/
COPY run.sh ../../../../../up
