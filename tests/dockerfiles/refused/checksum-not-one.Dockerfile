ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD --checksum=md5:00 $URL/file.txt /
