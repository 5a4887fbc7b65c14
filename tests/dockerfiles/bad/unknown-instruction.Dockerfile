FROM alpine
RNU echo a
WORKDIRR /a
