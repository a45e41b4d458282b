using Gateway.Operations;
using Xunit;

namespace Gateway.Tests.Operations;

public sealed class OperationsOptionsTests
{
    [Theory]
    [InlineData("http://[::]:9090", "[::]:9090")]
    [InlineData("http://127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("http://localhost:9090", "127.0.0.1:9090")]
    [InlineData("https://[::]:9090", null)]
    [InlineData("http://example.com:9090", null)]
    [InlineData("http://[::]:9090/path", null)]
    [InlineData("9090", null)]
    [InlineData("", null)]
    public void Listen_IsAnAddressOrAFault(string listen, string? expected)
    {
        var options = new OperationsOptions { Listen = listen };

        Assert.Equal(expected, options.GetEndPoint()?.ToString());
        Assert.Equal(expected is null, new OperationsOptionsValidation().Validate(null, options).Failed);
    }

    [Fact]
    public void Faults_AreAllListed()
    {
        var result = new OperationsOptionsValidation().Validate(null, new OperationsOptions { Listen = "x", PageSize = 0, MaximumPageSize = 0 });

        Assert.Equal(["Operations:Listen", "Operations:MaximumPageSize", "Operations:PageSize"], result.Failures!.Select(fault => fault.Split(' ')[0]));
    }
}
