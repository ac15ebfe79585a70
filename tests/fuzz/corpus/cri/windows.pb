J(
&
NT AUTHORITY\Local service{}"