ARG URL=http://localhost:8000
FROM scratch
ARG URL
ADD --checksum=sha256:c4913c456a7f78c05b4f0d577d2d7d440eaef07527599d6388877afb220d5c0d $URL/file.txt /
