

webu1default:+
#microsoft.com/hostprocess-containertrueB

*