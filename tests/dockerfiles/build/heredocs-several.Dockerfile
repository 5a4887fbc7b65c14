FROM scratch
COPY <<one <<two.txt a.txt /dir/
first
one
second
two.txt
ADD <<empty <<"quoted" /dir/
empty
$not
quoted
