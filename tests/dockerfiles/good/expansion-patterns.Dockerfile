FROM alpine
ENV path=/usr/local/lib/file.tar.gz
ENV a=${path#*/} b=${path##*/} c=${path%.*} d=${path%%.*}
ENV e=${path#/usr} f=${path%gz} g=${path#x} h=${path##*} i=${path%?z}
ENV star=a*b question=a?b
ENV j=${star#a\*} k=${question%\?b} l=${star#'a*'} m=${question%"?b"}
ENV n=${unset#x} o=${path#$unset}
