FROM scratch
ADD archives/files.tar /tar/
ADD archives/files.tar.gz /gz/
ADD archives/files.tgz /tgz
ADD archives/files.tar.bz2 /bz2/
ADD archives/files.tar.xz /xz/
ADD archives/files.tar.zst /zst/
