using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Proxying.Sockets;

/// <summary>The frames the gateway itself sends (RFC 6455, 5.5).</summary>
internal static class ControlFrames
{
    /// <summary>Towards a client: unmasked and empty.</summary>
    public static readonly byte[] Ping = [0x89, 0x00];

    /// <summary>Towards the client. The reason is cut to what a control frame holds.</summary>
    public static byte[] Close(ushort code, string reason) => Frame(code, reason, mask: null);

    /// <summary>Towards the workspace, where the gateway speaks as the client and must mask.</summary>
    public static byte[] MaskedClose(ushort code, string reason) => Frame(code, reason, RandomNumberGenerator.GetBytes(4));

    private static byte[] Frame(ushort code, string reason, byte[]? mask)
    {
        var text = Encoding.UTF8.GetBytes(reason);
        // 125 bytes of payload, two of them the code; cut at the beginning of a character.
        var length = Math.Min(text.Length, 123);
        while (length < text.Length && length > 0 && (text[length] & 0xC0) == 0x80)
        {
            length--;
        }

        var payload = new byte[2 + length];
        BinaryPrimitives.WriteUInt16BigEndian(payload, code);
        text.AsSpan(0, length).CopyTo(payload.AsSpan(2));
        if (mask is null)
        {
            return [0x88, (byte)payload.Length, .. payload];
        }

        for (var i = 0; i < payload.Length; i++)
        {
            payload[i] ^= mask[i % 4];
        }

        return [0x88, (byte)(0x80 | payload.Length), .. mask, .. payload];
    }
}
