FROM scratch
ADD --unpack=false archives/files.tar.gz /kept/
COPY archives/files.tar.gz /copied/
ADD archives /folder
