FROM alpine
ENV one=1 two="2 3" three='4 5' four=6\ 7 five=
ENV legacy with several   words and "quotes"
ENV a=1 b=$a
ENV c=$a
ENV "quoted name"=x
ENV d=a=b=c
