FROM alpine
RUN <<EOF
a
  b
EOF
RUN <<-EOF cat > x
	tab
	EOF
RUN <<"A" cat; cat <<B
$x
A
y
B
RUN cat <<<word
RUN echo "<<NOT"
RUN 3<<EOF cat <&3
EOF
