FROM scratch
ADD archives/files.dat /dat/
ADD archives/text.tar /text/
ADD archives/text.tar /plain
ADD archives/only.gz /gz/
ADD archives/empty.tar /empty/
