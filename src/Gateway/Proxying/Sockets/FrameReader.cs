namespace Gateway.Proxying.Sockets;

/// <summary>
/// Follows the frames of one direction of a WebSocket (RFC 6455, 5.2) as their bytes pass. It keeps the header of the frame it is in and nothing of
/// the payload; it changes nothing. Used by one reader at a time.
/// </summary>
internal sealed class FrameReader
{
    // The two fixed bytes, at most eight of length, four of mask.
    private const int LongestHeader = 14;

    private readonly byte[] _header = new byte[LongestHeader];
    private int _headerLength;
    private int _headerNeeded = 2;
    private ulong _payloadLeft;

    /// <summary>Between two frames: what is sent now is read as a frame of its own.</summary>
    public bool AtBoundary => _headerLength == 0 && _payloadLeft == 0;

    /// <summary>A Close frame has gone by: nothing may follow it.</summary>
    public bool Closed { get; private set; }

    /// <summary>Follows the bytes; true when any of them belongs to a data frame (text, binary, continuation), the header included.</summary>
    public bool Pass(ReadOnlySpan<byte> bytes)
    {
        var data = false;
        while (!bytes.IsEmpty)
        {
            if (_payloadLeft > 0)
            {
                var taken = (int)Math.Min(_payloadLeft, (ulong)bytes.Length);
                data |= IsData;
                _payloadLeft -= (ulong)taken;
                bytes = bytes[taken..];
                if (_payloadLeft == 0)
                {
                    EndFrame();
                }

                continue;
            }

            _header[_headerLength++] = bytes[0];
            bytes = bytes[1..];
            if (_headerLength == 2)
            {
                _headerNeeded = 2 + LengthBytes + (Masked ? 4 : 0);
            }

            if (_headerLength == _headerNeeded)
            {
                data |= IsData;
                Closed |= Opcode == 0x8;
                _payloadLeft = PayloadLength();
                if (_payloadLeft == 0)
                {
                    EndFrame();
                }
            }
        }

        return data;
    }

    private int Opcode => _header[0] & 0x0F;

    private bool IsData => Opcode < 0x8;

    private bool Masked => (_header[1] & 0x80) != 0;

    private int LengthBytes => (_header[1] & 0x7F) switch
    {
        126 => 2,
        127 => 8,
        _ => 0,
    };

    private ulong PayloadLength()
    {
        var bytes = LengthBytes;
        if (bytes == 0)
        {
            return (ulong)(_header[1] & 0x7F);
        }

        ulong length = 0;
        for (var i = 0; i < bytes; i++)
        {
            length = (length << 8) | _header[2 + i];
        }

        return length;
    }

    private void EndFrame()
    {
        _headerLength = 0;
        _headerNeeded = 2;
    }
}
