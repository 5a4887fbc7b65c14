# escape=`
FROM alpine
ENV path=C:\dir\$x quoted="a`"b" dollar=`$x
COPY a `
     b /c/
RUN a ^
CMD ["a"]
