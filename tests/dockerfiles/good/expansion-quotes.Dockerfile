FROM alpine
ENV x=1
ENV a=$x b="$x" c='$x' d=\$x e="\$x" f=\\$x g="\\$x" h=$x$x i=${x}x j=a$ k=a$. l="'$x'" m='"'$x'"'
ENV n="a\b" o=a\b p='a\b' q="a\"b" r=$1 s=$$ t=$@
