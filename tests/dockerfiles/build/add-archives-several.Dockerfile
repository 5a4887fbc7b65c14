FROM scratch
ADD archives/files.tar archives/text.tar a.txt /all/
ADD archives/files.tar.* /wild/
