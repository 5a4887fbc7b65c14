FROM alpine
ARG a b=1 c="x y" d='$b' e=$b f=
ENV all="$a-$b-$c-$d-$e-$f"
