FROM alpine
ENV v=a.b.c/d
ENV a=${v/./-} b=${v//./-} c=${v/\//_} d=${v//?/x} e=${v/*./y} f=${v//z/y}
ENV g=${v/b/} h=${v//[/x} i=${v/b/\}} j=${v/./$v} k=${unset/a/b}
