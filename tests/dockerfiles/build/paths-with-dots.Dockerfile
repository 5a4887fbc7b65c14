FROM scratch
COPY ./a.txt /./x/../y/
COPY dir/../b.txt dir/./one.txt /z/
COPY //a.txt //double//slash
COPY /run.sh /../../up
WORKDIR /w/../v/./u/
COPY a.txt ../t
