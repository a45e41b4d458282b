using Gateway.Proxying;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class PublicListenerTests
{
    [Fact]
    public void Transport_ReadsLittleOfABodyThatNobodyHasAskedFor()
    {
        using var services = new ServiceCollection().AddProxying().BuildServiceProvider();

        var transport = services.GetRequiredService<IOptions<SocketTransportOptions>>().Value;

        Assert.Equal(64 * 1024, transport.MaxReadBufferSize);
    }
}
