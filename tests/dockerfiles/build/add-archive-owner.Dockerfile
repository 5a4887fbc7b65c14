FROM scratch
ADD --chown=77:88 archives/files.tar /owned/
ADD --chmod=700 archives/files.tar /moded/
