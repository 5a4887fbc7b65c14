FROM scratch
COPY a.txt /x
ADD archives/files.tar /x/
