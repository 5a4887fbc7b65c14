ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD $URL/files.tar.gz /kept/
ADD --unpack=true $URL/files.tar.gz /unpacked/
ADD --unpack $URL/files.tar.gz a.txt /also/
